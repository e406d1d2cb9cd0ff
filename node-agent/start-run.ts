/** What the launcher starts for `run`. */
import { compile, start } from './cached-program.js';

start(compile());
