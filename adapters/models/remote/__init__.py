"""What all servers that hold models share: addresses, keys, reading, retries, probabilities of labels.

May be imported by the folders of the single backends; imports the engine alone.
"""
