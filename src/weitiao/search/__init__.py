"""Search in documents: passages, an index on disk, BM25 and vectors, both fused."""
