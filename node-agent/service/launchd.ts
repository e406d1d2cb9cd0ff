import { join } from 'node:path';
import { homeDirectory } from '../config-file.js';
import { LABEL, launchdPlist } from './launchd-plist.js';
import { ask, must, readFile, removeFile, writeFile, type ServiceManager, type ServiceState } from './manager.js';
import type { Scope, ServicePlan } from './plan.js';

export class Launchd implements ServiceManager {
  readonly #domain: string;
  readonly #plan: () => ServicePlan;
  readonly #file: string;

  constructor(scope: Scope, plan: () => ServicePlan, folder = listFolder(scope)) {
    this.#domain = scope === 'system' ? 'system' : `gui/${process.getuid?.() ?? 0}`;
    this.#plan = plan;
    this.#file = join(folder, `${LABEL}.plist`);
  }

  get #target(): string {
    return `${this.#domain}/${LABEL}`;
  }

  install(): string[] {
    writeFile(this.#file, launchdPlist(this.#plan()));
    ask('launchctl', ['bootout', this.#target]); // the former one; fails if there is none
    must('launchctl', ['bootstrap', this.#domain, this.#file]);
    return [];
  }

  uninstall(): boolean {
    ask('launchctl', ['bootout', this.#target]);
    return removeFile(this.#file);
  }

  state(): ServiceState {
    const { status, stdout } = ask('launchctl', ['print', this.#target]);
    const state = /^\s*state = (.+)$/m.exec(stdout)?.[1] ?? 'not loaded';
    const pid = /^\s*pid = (\d+)$/m.exec(stdout)?.[1];
    const lastExit = /^\s*last exit code = (.+)$/m.exec(stdout)?.[1];
    const isInstalled = readFile(this.#file) !== undefined;
    return {
      file: this.#file,
      isInstalled,
      isEnabled: isInstalled,
      isRunning: status === 0 && state === 'running',
      detail: [state, ...(pid ? [`process ${pid}`] : []), ...(lastExit ? [`last exit ${lastExit}`] : [])].join(', '),
    };
  }
}

function listFolder(scope: Scope): string {
  return scope === 'system' ? '/Library/LaunchDaemons' : join(homeDirectory() ?? '/', 'Library', 'LaunchAgents');
}
