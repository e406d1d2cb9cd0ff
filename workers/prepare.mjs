// `npm ci` builds the program. Without the development dependencies it can't, and says what to do instead.
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';

try {
  createRequire(import.meta.url).resolve('typescript');
  execFileSync('npm', ['run', 'build'], { stdio: 'inherit' });
} catch (error) {
  if (error.code !== 'MODULE_NOT_FOUND') process.exit(error.status ?? 1);
  // no failure: an image may copy what another machine has built
  console.error(
    'hivesync was not built, because that needs the development dependencies. Run `npm ci && npm prune --omit=dev`, ' +
      'or copy dist/ and prisma/generated/ from a machine that has built it.',
  );
}
