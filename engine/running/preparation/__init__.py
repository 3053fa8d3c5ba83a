"""What happens before a variant's first row: shots, index, weights and the label prior."""
