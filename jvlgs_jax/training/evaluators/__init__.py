"""What a training is measured by, on schedules of their own."""
