"""A stranger's package: what somebody outside the project would write and register."""
