"""The simulated systems besides the jackpot service, a package each, named like the pack that watches it."""
