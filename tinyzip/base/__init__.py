"""The ground floor: what every other room may use, and what knows of none of them."""
