"""Operations: diagnostics of machine and checkpoints (doctor), offline installation (bundle)."""
