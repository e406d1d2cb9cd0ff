/**
 * The agents whose output is understood. To add one: a file beside this one, a line here, a sample in testing/streams, and
 * the name of its program in recorder/command.ts.
 */
import { claudeCode } from './claude-code.js';
import { codex } from './codex.js';
import { cursorAgent } from './cursor-agent.js';
import { geminiCli } from './gemini-cli.js';
import { opencode } from './opencode.js';
import type { StreamReader } from './run.js';

export const READERS: readonly StreamReader[] = [claudeCode, codex, geminiCli, opencode, cursorAgent];
