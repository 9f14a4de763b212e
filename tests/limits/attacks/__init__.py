"""Attacks are made at random from a seed: what the grammar, the decoders and HTTP allow."""
