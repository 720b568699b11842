"""What tests of several rooms need; one file per outside system."""
