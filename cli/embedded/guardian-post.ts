import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { unlinkSync } from 'node:fs';
import { readdir, rename, unlink } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { follow, reach, SOCKET_NAME, withAddress, type GuardianMessage } from './protocol.js';

/** How long a rival may take to say what it is; one that says nothing is taken for settled. */
const RIVAL_PATIENCE = 2000;

/**
 * The one place of guardian in a folder, and the users connected to it. The place needs no lock file: each candidate listens on
 * a socket of its own name and looks at the others afterwards, so of any two the later one sees the earlier.
 */
export class GuardianPost {
  readonly #server: Server;
  readonly #folder: string;
  readonly #name: string;
  readonly #users = new Set<Socket>();
  #message: GuardianMessage = { state: 'candidate' };
  /** Called whenever a user comes or goes. */
  onChange: () => void = () => undefined;

  private constructor(folder: string) {
    this.#folder = folder;
    this.#name = `guardian-${randomBytes(6).toString('hex')}.sock`;
    this.#server = createServer((socket) => this.#welcome(socket));
  }

  /** Takes the place, or answers undefined when another guardian has it or is about to. */
  static async claim(folder: string): Promise<GuardianPost | undefined> {
    const post = new GuardianPost(folder);
    await post.#listen();
    if (await post.#prevails()) {
      post.announce({ state: 'starting' });
      return post;
    }
    post.retire();
    return undefined;
  }

  get userCount(): number {
    return this.#users.size;
  }

  /** Tells every user, and those who come later. */
  announce(message: GuardianMessage): void {
    this.#message = message;
    for (const user of this.#users) user.write(encode(message));
  }

  /** Gives the place up; users who are connected see it. Synchronous, so that nobody is welcomed meanwhile. */
  retire(): void {
    try {
      unlinkSync(join(this.#folder, this.#name));
    } catch {
      // Somebody has cleared the folder; the place is given up all the same.
    }
    this.#server.close();
    for (const user of this.#users) user.destroy();
  }

  /** The name is seen by others only once somebody listens behind it: before, it would look like a dead guardian's. */
  async #listen(): Promise<void> {
    const hidden = `.${this.#name}`;
    await withAddress(this.#folder, hidden, async (address) => {
      this.#server.listen(address);
      await once(this.#server, 'listening');
    });
    await rename(join(this.#folder, hidden), join(this.#folder, this.#name));
  }

  #welcome(socket: Socket): void {
    this.#users.add(socket);
    socket.on('error', () => undefined);
    // Nothing is expected from users, but unread bytes would hide the end of the connection.
    socket.resume();
    socket.on('close', () => {
      this.#users.delete(socket);
      this.onChange();
    });
    socket.write(encode(this.#message));
    this.onChange();
  }

  /**
   * A settled rival wins; of two candidates the one with the smaller name, which waits until the other has seen it and left (or
   * turns out to be settled, having looked around before).
   */
  async #prevails(): Promise<boolean> {
    for (;;) {
      const rivals = (await readdir(this.#folder)).filter(
        (name) => SOCKET_NAME.test(name) && name !== this.#name,
      );
      const standings = await Promise.all(
        rivals.map(async (name) => ({ name, standing: await this.#standingOf(name) })),
      );
      if (standings.some(({ standing }) => standing === 'settled')) return false;
      const candidates = standings.filter(({ standing }) => standing === 'candidate');
      if (candidates.some(({ name }) => name < this.#name)) return false;
      if (candidates.length === 0) return true;
      await sleep(20);
    }
  }

  async #standingOf(name: string): Promise<'absent' | 'candidate' | 'settled'> {
    const socket = await reach(this.#folder, name);
    if (socket === 'dead') await unlink(join(this.#folder, name)).catch(() => undefined);
    if (typeof socket === 'string') return 'absent';
    const state = await new Promise<GuardianMessage['state'] | undefined>((resolve) => {
      const patience = setTimeout(() => resolve('starting'), RIVAL_PATIENCE);
      follow(socket, (message) => resolve(message.state));
      socket.once('close', () => {
        clearTimeout(patience);
        resolve(undefined);
      });
    });
    socket.destroy();
    if (state === undefined) return 'absent';
    return state === 'candidate' ? 'candidate' : 'settled';
  }
}

function encode(message: GuardianMessage): string {
  return `${JSON.stringify(message)}\n`;
}
