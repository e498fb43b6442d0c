"""Training: the door `fit`, the trainer that takes the steps, batches, checkpoints, history."""
