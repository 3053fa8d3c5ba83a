"""What does the leak guard find of what was planted, and what does it take for a leak that is none?"""
