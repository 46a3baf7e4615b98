"""Plans, results and listings in the formats that people and programs read; pure functions over the same data."""
