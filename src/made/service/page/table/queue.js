// A few questions at a time.

/** Return run(work), which starts work once fewer than `most` others run; clear() forgets what waits. */
export function createQueue(most) {
  const waiting = [];
  let running = 0;

  function next() {
    while (running < most && waiting.length) {
      running += 1;
      waiting
        .shift()()
        .finally(() => {
          running -= 1;
          next();
        });
    }
  }

  return {
    run(work) {
      waiting.push(work);
      next();
    },
    clear() {
      waiting.length = 0;
    },
  };
}
