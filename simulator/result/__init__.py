"""From schedules to results: totals, waterfalls, laws, money."""
