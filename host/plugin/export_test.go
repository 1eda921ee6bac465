package plugin

// Worse is worse with the default settings.
func Worse(stable, canary Figures) string {
	return worse(stable, canary, CanarySettings{}.withDefaults())
}
