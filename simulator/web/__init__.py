"""The page: `rooftile serve`. It asks the functions that the commands ask, and shows what a report shows."""
