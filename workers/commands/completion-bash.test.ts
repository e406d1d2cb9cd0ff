import { execFileSync } from 'node:child_process';
import { expect, test } from '@jest/globals';
import { BASH_COMPLETION } from './completion-bash.js';

/** @returns what bash, without bash-completion, would offer; the answers of `hive complete` are a few of each kind */
function complete(line: string, words: readonly string[]): string[] {
  const script = `set -eu
    hive() { printf '%s\\n' $'failed\\t' $'show\\tShow an attempt.' $'host:3000\\thttp://host:3000' ':4'; }
    ${BASH_COMPLETION}
    line=$1; shift
    COMP_LINE=$line COMP_POINT=\${#line} COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_WORDBREAKS=$' \\t\\n=:'
    _hive
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const output = execFileSync('bash', ['--norc', '-c', script, 'bash', line, ...words], { encoding: 'utf8' });
  return output.split('\n').slice(0, -1);
}

test.each([
  ['hive sh', ['hive', 'sh'], ['show']],
  ['hive ', ['hive', ''], ['failed', 'show', 'host:3000']],
  ['hive attempts --status=f', ['hive', 'attempts', '--status', '=', 'f'], ['failed']],
  ['hive nodes --profile host:3', ['hive', 'nodes', '--profile', 'host', ':', '3'], ['3000']],
  ['hive nodes --profile host:', ['hive', 'nodes', '--profile', 'host', ':', ''], ['3000']],
])('bash completes %p', (line, words, offered) => {
  expect(complete(line, words)).toEqual(offered);
});

test('what was typed is not run', () => {
  expect(complete('hive $(echo sh', ['hive', '$(echo sh'])).toEqual(['']);
});
