"""Who answers a call, and how that changes. Knows no HTTP and no model."""
