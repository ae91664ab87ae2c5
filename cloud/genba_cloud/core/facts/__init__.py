"""Facts views: pure folds of the set of events and frozen master data; order of arrival and repeats change nothing."""
