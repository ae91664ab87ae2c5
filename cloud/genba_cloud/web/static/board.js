/* Keeps the board true: listens to the live stream and replaces only what changed, once per animation frame. */
(function () {
  "use strict";
  var board = document.getElementById("board");
  var words = JSON.parse(board.dataset.words);
  var language = board.dataset.language;
  var STALE_MS = 60000, DONE_KEPT = 50;
  var skew = Number(board.dataset.wall) - Date.now(); // the server's clock minus ours
  var heardAt = Date.now(), openedBefore = false, offlineSince = null;
  var dirty = {}, loading = {}, ready = {}, framed = false;
  var rows = document.getElementById("rows"), doneRows = document.getElementById("done-rows");

  function say(key, values) {
    return words[key].replace(/\{(\w+)\}/g, function (_, name) { return values[name]; });
  }
  function clock(ms) {
    var at = new Date(ms);
    return ("0" + at.getHours()).slice(-2) + ":" + ("0" + at.getMinutes()).slice(-2);
  }
  function age(ms) {
    var s = Math.max(0, Math.floor(ms / 1000));
    if (s < 60) return say("age.seconds", { count: s });
    if (s < 3600) return say("age.minutes", { count: Math.floor(s / 60) });
    return say("age.hours", { count: Math.floor(s / 3600) });
  }

  /* ---- fragments: one request per thing at a time; what changes meanwhile is asked for once more ---- */
  function want(path) {
    if (loading[path]) { dirty[path] = true; return; }
    loading[path] = true;
    fetch(path + "?lang=" + language, { credentials: "same-origin" }).then(function (reply) {
      if (reply.redirected || reply.status === 401 || reply.status === 403) { location.reload(); return null; }
      return reply.ok ? reply.text() : null;
    }).catch(function () { return null; }).then(function (html) {
      loading[path] = false;
      if (html !== null) { ready[path] = html; frame(); }
      if (dirty[path]) { dirty[path] = false; want(path); }
    });
  }
  function frame() {
    if (framed) return;
    framed = true;
    requestAnimationFrame(draw);
    if (document.hidden) setTimeout(draw, 50); // a hidden page gets no frames, and must not be old when it is shown
  }
  function draw() {
    if (!framed) return;
    framed = false;
    var todo = ready;
    ready = {};
    Object.keys(todo).forEach(function (path) {
      if (path === "/board/wip") document.getElementById("wip").innerHTML = todo[path];
      else if (path === "/board/gateways") document.getElementById("gateways").innerHTML = todo[path];
      else place(todo[path]);
    });
    count();
    tick();
  }
  function place(html) {
    var holder = document.createElement("div");
    holder.innerHTML = html;
    var fresh = holder.firstElementChild;
    if (!fresh) return;
    var old = document.querySelector('.row[data-order="' + CSS.escape(fresh.dataset.order) + '"]');
    var finished = fresh.dataset.finished === "1";
    var list = finished ? doneRows : rows;
    if (old && old.parentNode === list && old.dataset.sort === fresh.dataset.sort) {
      list.replaceChild(fresh, old);
      return;
    }
    if (old) old.parentNode.removeChild(old);
    list.insertBefore(fresh, finished ? list.firstElementChild : after(fresh.dataset.sort));
    while (doneRows.children.length > DONE_KEPT) doneRows.removeChild(doneRows.lastElementChild);
    var empty = document.getElementById("empty");
    if (empty) empty.parentNode.removeChild(empty);
    document.querySelector(".table").hidden = false;
    document.getElementById("done").hidden = doneRows.children.length === 0;
  }
  function after(sort) {
    for (var row = rows.firstElementChild; row; row = row.nextElementSibling) if (row.dataset.sort > sort) return row;
    return null;
  }
  function count() {
    var seen = { red: 0, orange: 0, yellow: 0, none: 0, open: rows.children.length, done: doneRows.children.length };
    for (var row = rows.firstElementChild; row; row = row.nextElementSibling) seen[row.dataset.level] += 1;
    document.querySelectorAll("[data-count]").forEach(function (item) {
      var text = String(seen[item.dataset.count]);
      if (item.textContent !== text) item.textContent = text;
      item.classList.toggle("zero", text === "0");
    });
  }

  /* ---- connection and age: a silent frozen screen is the worst fault there is ---- */
  function connection(state) {
    var box = document.getElementById("connection");
    var text = state === "offline" ? say("live.offline", { time: clock(offlineSince) }) : words["live." + state];
    if (box.dataset.state !== state) box.dataset.state = state;
    if (box.lastElementChild.textContent !== text) box.lastElementChild.textContent = text;
  }
  function tick() {
    var now = Date.now(), newest = 0;
    document.querySelectorAll("#gateways [data-seen]").forEach(function (item) {
      var seen = Number(item.dataset.seen);
      newest = Math.max(newest, seen);
      var text = say("gateway.age", { age: age(now + skew - seen) });
      var box = item.querySelector(".age");
      if (box.textContent !== text) box.textContent = text;
    });
    var quiet = now - heardAt > STALE_MS;
    var old = newest > 0 && now + skew - newest > STALE_MS;
    var band = document.getElementById("band");
    var text = say("stale.band", { time: clock(quiet ? heardAt : newest - skew) });
    band.hidden = !(quiet || old);
    if (!band.hidden && band.textContent !== text) band.textContent = text;
    document.body.classList.toggle("stale", quiet || old);
    if (offlineSince !== null && now - offlineSince > 10000) connection("offline");
  }
  function heard() { heardAt = Date.now(); }
  function seenGateway(data) {
    var item = document.querySelector('#gateways [data-gateway="' + CSS.escape(data.gateway) + '"]');
    var lost = Object.keys(data.devices).some(function (name) { return data.devices[name].status === "lost"; });
    var same = item && data.seen_at && item.classList.contains(data.online ? "online" : "offline");
    if (!same || lost !== !!item.querySelector(".lost")) { want("/board/gateways"); return; }
    item.dataset.seen = String(Date.parse(data.seen_at));
  }
  function listen() {
    var stream = new EventSource("/api/v1/live?after=" + board.dataset.position);
    stream.onopen = function () {
      heard();
      offlineSince = null;
      connection("live");
      if (openedBefore) { want("/board/wip"); want("/board/gateways"); }
      openedBefore = true;
    };
    stream.onerror = function () {
      if (offlineSince === null) offlineSince = Date.now();
      connection("reconnecting");
      if (stream.readyState === 2) { // refused for good, e.g. signed out: try again later
        stream.close();
        setTimeout(listen, 3000 + Math.random() * 3000);
      }
    };
    stream.addEventListener("clock", heard);
    stream.addEventListener("order", function (event) {
      heard();
      want("/board/rows/" + encodeURIComponent(JSON.parse(event.data).order));
    });
    stream.addEventListener("wip", function () { heard(); want("/board/wip"); });
    stream.addEventListener("gateway", function (event) { heard(); seenGateway(JSON.parse(event.data)); });
    stream.addEventListener("alert", heard);
    stream.addEventListener("question", function (event) {
      heard();
      var box = document.getElementById("questions"), text = String(JSON.parse(event.data).open);
      if (!box) return;
      box.textContent = text;
      box.closest("li").hidden = text === "0";
    });
    stream.addEventListener("resync", function () {
      stream.close();
      setTimeout(function () { location.reload(); }, Math.random() * 1000);
    });
    window.addEventListener("pagehide", function () { stream.close(); });
  }

  setInterval(tick, 1000);
  tick();
  listen();
}());
