# SPDX-License-Identifier: GPL-2.0-or-later
"""The administrator's firewall: real ufw, with the machine's own configuration left alone."""

from library.engine import private_folder
from library.place import Place


class Ufw:
    def __init__(self):
        private_folder("/etc")
        self.host = Place()

    def do(self, *words):
        return self.host.run("ufw", *words).stdout

    def enable(self, *rules):
        """Denies what comes in, with these rules ("deny 8080/tcp") besides."""
        self.do("default", "deny", "incoming")
        for rule in rules:
            self.do(*rule.split())
        self.do("--force", "enable")
