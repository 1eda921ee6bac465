package sqlite

// CheckpointingAt has the log moved after so many pages.
func CheckpointingAt(pages int) Option { return checkpointingAt(pages) }
