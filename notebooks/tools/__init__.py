"""What is made from the notebooks' sources beside them: plans, index, answer keys, slides, timings."""
