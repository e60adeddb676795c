"""Operations: checks of the machine, bundles for machines without a network."""
