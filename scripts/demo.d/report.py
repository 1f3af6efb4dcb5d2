# SPDX-License-Identifier: Apache-2.0
"""What the audience sees: headings, explanations, and the table at the end."""
import sys
import textwrap

_COLOUR = sys.stdout.isatty()


def _paint(code, text):
    return f'\033[{code}m{text}\033[0m' if _COLOUR else text


class Report:
    """Collects claims; each is true or false, and says how it was seen."""

    def __init__(self):
        self.claims = []  # (claim, evidence, holds)
        self._chapter = 0

    def chapter(self, title, explanation=''):
        self._chapter += 1
        print('\n' + _paint('1', f'{self._chapter}. {title}'))
        for paragraph in textwrap.dedent(explanation).strip().split('\n\n'):
            if paragraph:
                print(textwrap.fill(' '.join(paragraph.split()), 96, initial_indent='   ',
                                    subsequent_indent='   '))

    def say(self, text):
        print('   ' + str(text).replace('\n', '\n   '))

    def claim(self, claim, holds, evidence):
        """Tells one claim and whether it was seen to hold; returns that."""
        self.claims.append((claim, evidence, bool(holds)))
        word = _paint('32', 'holds') if holds else _paint('31;1', 'DOES NOT HOLD')
        print(f'   -> {claim}: {evidence}: {word}')
        return bool(holds)

    def table(self):
        """The table at the end."""
        if not self.claims:
            return
        wide = max(len(claim) for claim, _, _ in self.claims)
        much = max(len(evidence) for _, evidence, _ in self.claims)
        rule = f'+-{"-" * wide}-+-{"-" * much}-+------+'
        print('\n' + rule)
        print(f'| {"claim":{wide}} | {"as seen":{much}} |      |')
        print(rule)
        for claim, evidence, holds in self.claims:
            word = _paint('32', 'ok  ') if holds else _paint('31;1', 'FAIL')
            print(f'| {claim:{wide}} | {evidence:{much}} | {word} |')
        print(rule)

    @property
    def failed(self):
        return [claim for claim, _, holds in self.claims if not holds]
