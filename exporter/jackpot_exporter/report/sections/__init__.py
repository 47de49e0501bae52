"""What a report says of each subject: pure functions from a `Material` to a `Section`, which ask nothing themselves."""
