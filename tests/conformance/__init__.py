"""Clients and suites that this project did not write, directly against a mock provider and through a gateway."""
