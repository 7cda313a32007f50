"""The catalogue of known upstream defects, and the fixture that watches for them."""
