/** A TCP relay in front of a server that can cut, freeze and refuse its connections. */
import { connect, createServer } from 'node:net';

export class Cutter {
  #pairs = new Set();
  #isFrozen = false;
  #refuses = false;
  #server;
  accepted = 0;

  /** @param {number} port where the server listens, on 127.0.0.1 */
  constructor(port) {
    this.#server = createServer((near) => this.#join(near, port));
  }

  /** @returns {Promise<number>} the port to dial */
  async start() {
    await new Promise((resolve) => this.#server.listen(0, '127.0.0.1', () => resolve(undefined)));
    return this.#server.address().port;
  }

  #join(near, port) {
    near.on('error', () => {});
    if (this.#refuses) return near.destroy();
    this.accepted++;
    const far = connect(port, '127.0.0.1');
    const pair = { near, far };
    this.#pairs.add(pair);
    const end = () => (near.destroy(), far.destroy(), this.#pairs.delete(pair));
    for (const [from, to] of [[near, far], [far, near]]) {
      from.on('error', end).on('close', end);
      from.on('data', (bytes) => to.write(bytes));
    }
    if (this.#isFrozen) this.#pause(pair);
  }

  #pause({ near, far }) {
    near.pause();
    far.pause();
  }

  /** How many connections there are. */
  get count() {
    return this.#pairs.size;
  }

  /** Resets all connections; new ones are welcome. */
  cut() {
    for (const { near, far } of this.#pairs) near.resetAndDestroy(), far.destroy();
  }

  /** true: nothing passes any more, and nothing is closed. */
  freeze(isFrozen = true) {
    this.#isFrozen = isFrozen;
    for (const pair of this.#pairs) isFrozen ? this.#pause(pair) : (pair.near.resume(), pair.far.resume());
  }

  /** true: cuts, and resets what dials. */
  refuse(refuses = true) {
    this.#refuses = refuses;
    if (refuses) this.cut();
  }

  async stop() {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
