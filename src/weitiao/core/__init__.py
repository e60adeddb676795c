"""Building blocks without an opinion: disk, numbers with units, ragged arrays, typed fields."""
