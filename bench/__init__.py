"""What the product costs: a load generator, peers that do the same work, and the measures of ``make bench``."""
