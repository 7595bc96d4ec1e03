// Starts every timeline of the document that is not started yet. A page may hold this script once for each of them.
(() => {
  for (const root of document.querySelectorAll(".momentor-timeline")) {
    if (!root.momentorStarted) {
      root.momentorStarted = true;
      start(root);
    }
  }

  function start(root) {
    const duration = Number(root.dataset.duration);
    const board = root.querySelector(".mt-board");
    const video = root.querySelector("video");
    const stage = root.querySelector("img.mt-stage");
    const moments = [...root.querySelectorAll("button.mt-row")];
    const byTime = [...moments].sort((a, b) => startOf(a) - startOf(b));
    const pictures = [...root.querySelectorAll(".mt-frame")];
    const status = root.querySelector("[role=status]");
    const play = document.createElement("button");
    let stopAt = Infinity;

    function startOf(moment) {
      return Number(moment.dataset.start);
    }

    function seek(seconds) {
      const time = Math.min(Math.max(seconds, 0), duration);
      stopAt = Infinity;
      if (video) {
        video.pause();
        video.currentTime = time;
      }
      showNow(time);
    }

    function showNow(time) {
      board.classList.add("mt-playing");
      board.style.setProperty("--now", time / duration);
      if (stage && pictures.length) {
        const distance = (picture) => Math.abs(Number(picture.dataset.time) - time);
        const image = pictures.reduce((a, b) => (distance(b) < distance(a) ? b : a)).querySelector("img");
        stage.src = image.src;
        stage.alt = image.alt;
      }
    }

    function select(moment) {
      for (const other of moments) {
        other.setAttribute("aria-current", String(other === moment));
        other.tabIndex = other === moment ? 0 : -1;
      }
      for (const picture of pictures) {
        const time = Number(picture.dataset.time);
        picture.classList.toggle("mt-inside", time >= startOf(moment) && time <= Number(moment.dataset.end));
      }
      play.hidden = false;
      status.textContent = moment.getAttribute("aria-label");
      seek(startOf(moment));
    }

    function neighbour(moment, key) {
      const order = key === "ArrowLeft" || key === "ArrowRight" ? byTime : moments;
      const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[key];
      if (key === "Home") return moments[0];
      if (key === "End") return moments[moments.length - 1];
      return step && order[Math.min(Math.max(order.indexOf(moment) + step, 0), order.length - 1)];
    }

    moments.forEach((moment, index) => {
      moment.tabIndex = index === 0 ? 0 : -1;
      moment.addEventListener("click", () => select(moment));
      moment.addEventListener("keydown", (event) => {
        const next = neighbour(moment, event.key);
        if (next && !event.ctrlKey && !event.altKey && !event.metaKey && !event.shiftKey) {
          event.preventDefault();
          event.stopPropagation();
          moment.tabIndex = -1;
          next.tabIndex = 0;
          next.focus();
        }
      });
    });

    const strip = root.querySelector(".mt-strip");
    if (strip) {
      const follow = (event) => {
        const box = strip.getBoundingClientRect();
        seek(((event.clientX - box.left) / box.width) * duration);
      };
      strip.addEventListener("pointerdown", (event) => {
        if (event.button === 0) {
          strip.setPointerCapture(event.pointerId);
          follow(event);
        }
      });
      strip.addEventListener("pointermove", (event) => {
        if (strip.hasPointerCapture(event.pointerId)) follow(event);
      });
      strip.addEventListener("dragstart", (event) => event.preventDefault()); // else the browser drags the picture away
    }

    play.type = "button";
    play.textContent = "Play this moment";
    play.hidden = true;
    if (video) status.after(play);
    play.addEventListener("click", () => {
      const moment = moments.find((other) => other.getAttribute("aria-current") === "true");
      seek(startOf(moment));
      stopAt = Number(moment.dataset.end);
      video.play();
    });

    if (video) {
      const follow = () => {
        if (video.currentTime >= stopAt) {
          video.pause();
          stopAt = Infinity;
        }
        showNow(video.currentTime);
        if (!video.paused) requestAnimationFrame(follow);
      };
      video.addEventListener("play", follow);
      video.addEventListener("seeked", () => showNow(video.currentTime));
      video.addEventListener("error", () => {
        status.textContent = "This browser cannot play the video.";
      });
    }
    if (moments.length) status.textContent = "Click a moment to go to it; the arrow keys move between moments.";
  }
})();
