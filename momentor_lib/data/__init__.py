"""Moment-10M: its files and the training examples made from them."""
