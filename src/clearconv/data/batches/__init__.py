"""Images in batches: prepared ahead, in threads, augmented."""
