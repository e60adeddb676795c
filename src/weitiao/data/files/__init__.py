"""Files of rows: found, unpacked, their encoding and dialect detected."""
