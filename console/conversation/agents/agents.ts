/** The agents whose output can be read as a conversation. To add one: a file beside this one, a line here, a sample in the test. */
import type { AgentStream } from '../told.js';
import { claudeCode } from './claude-code.js';
import { codex } from './codex.js';
import { cursorAgent } from './cursor-agent.js';
import { geminiCli } from './gemini-cli.js';
import { opencode } from './opencode.js';

export const AGENTS: readonly AgentStream[] = [claudeCode, codex, geminiCli, opencode, cursorAgent];
