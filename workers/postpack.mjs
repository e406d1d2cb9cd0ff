/** What npm runs after `npm pack`, which needs `dist` to be a folder. */
import { dirname, join } from 'node:path';
import { restoreLink } from './builds.mjs';

restoreLink(join(dirname(import.meta.dirname), 'dist'));
