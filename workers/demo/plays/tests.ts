/** What the demo shows live: tests that run on and on. */
import { setTimeout as sleep } from 'node:timers/promises';

const AREAS = ['cart', 'checkout', 'search', 'login', 'refunds', 'shipping'];
const CLAIMS = [
  'keeps what was put in',
  'refuses a wrong amount',
  'answers within its time',
  'is the same after a restart',
];
const GREEN = '\u001b[32m';
const RED = '\u001b[31m';
const DIM = '\u001b[2m';
const PLAIN = '\u001b[0m';
const ONE_FAILS = 23;

process.stdout.write(`${DIM}> vitest --watch${PLAIN}\n\n`);
for (let n = 1; ; n++) {
  const name = `${AREAS[n % AREAS.length] ?? ''} ${CLAIMS[n % CLAIMS.length] ?? ''}`;
  const ms = (n * 37) % 240;
  if (n % ONE_FAILS === 0) {
    process.stderr.write(` ${RED}✗${PLAIN} ${name} ${DIM}${ms} ms${PLAIN}\n   expected 200, received 503\n`);
  } else process.stdout.write(` ${GREEN}✓${PLAIN} ${name} ${DIM}${ms} ms${PLAIN}\n`);
  if (n % 50 === 0) {
    process.stdout.write(`${JSON.stringify({ level: 'info', run: n / 50, passed: n - Math.floor(n / ONE_FAILS) })}\n`);
  }
  await sleep(120 + ms);
}
