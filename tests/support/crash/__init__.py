"""What the crash tests have in common: faults at the N-th call, file systems, and the judge of what is left."""
