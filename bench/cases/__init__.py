"""One module for each case; what each gives is `measure(scene, effort) -> Report`."""
