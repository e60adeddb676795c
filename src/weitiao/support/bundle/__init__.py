"""Offline installation bundle: wheels, checksums, bill of materials and installer in one folder."""
