# SPDX-License-Identifier: GPL-2.0-or-later
"""What the lab's scenarios are made of. Everything here runs inside tests/lab/enter."""
