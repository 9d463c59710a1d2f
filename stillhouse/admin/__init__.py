"""The admin API and the status page, on the control port."""
