"""What does an answer cost, what does a technique cost in all, and from how many calls on does it pay?"""
