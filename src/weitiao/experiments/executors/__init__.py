"""Who carries cells out: processes here, later machines."""
