"""Input files: file discovery, archives, character encoding and csv dialect detection."""
