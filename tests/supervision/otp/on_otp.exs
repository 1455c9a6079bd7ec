# Runs scenarios (README.md says how they are written) on OTP's `supervisor` and Elixir's
# DynamicSupervisor, and prints what happened.
#
#   elixir --erl "+S 1" on_otp.exs FILE...

# Keeps the trace, in the order in which things happened; monitors whoever starts.
defmodule Trace do
  def new do
    spawn_link(fn -> loop(%{lines: [], refs: %{}, pids: %{}, last: %{}, left: %{}}) end)
  end

  def log(trace, line), do: call(trace, {:log, line})
  def watch(trace, name, pid), do: call(trace, {:watch, name, pid})
  def pid(trace, name), do: call(trace, {:pid, name})
  # Also of one that has ended.
  def last_pid(trace, name), do: call(trace, {:last_pid, name})
  def count(trace), do: call(trace, :count)
  def take(trace), do: call(trace, :take)
  # The next outcome of a child's start: the last of the list is for ever.
  def outcome(trace, name, list), do: call(trace, {:outcome, name, list})

  defp call(trace, what) do
    ref = make_ref()
    send(trace, {self(), ref, what})

    receive do
      {^ref, answer} -> answer
    end
  end

  defp loop(state) do
    receive do
      {:DOWN, ref, :process, pid, reason} ->
        name = state.refs[ref]
        pids = if state.pids[name] == pid, do: Map.delete(state.pids, name), else: state.pids
        loop(%{state | pids: pids, lines: ["down #{name} #{word(reason)}" | state.lines]})

      {from, ref, what} ->
        {answer, state} = handle(what, state)
        send(from, {ref, answer})
        loop(state)
    end
  end

  defp handle({:log, line}, state), do: {:ok, %{state | lines: [line | state.lines]}}

  defp handle({:watch, name, pid}, state) do
    ref = Process.monitor(pid)
    refs = Map.put(state.refs, ref, name)
    pids = Map.put(state.pids, name, pid)
    {:ok, %{state | refs: refs, pids: pids, last: Map.put(state.last, name, pid)}}
  end

  defp handle({:pid, name}, state), do: {state.pids[name], state}
  defp handle({:last_pid, name}, state), do: {state.last[name], state}
  # Counts what was ever logged, so that `take` hides nothing from who waits for silence.
  defp handle(:count, state), do: {length(state.lines), state}
  defp handle(:take, state), do: {Enum.reverse(state.lines), %{state | lines: []}}

  defp handle({:outcome, name, list}, state) do
    case state.left[name] || list do
      [last] -> {last, %{state | left: Map.put(state.left, name, [last])}}
      [next | rest] -> {next, %{state | left: Map.put(state.left, name, rest)}}
    end
  end

  defp word(:normal), do: "normal"
  defp word(:shutdown), do: "shutdown"
  defp word({:shutdown, _}), do: "shutdown"
  defp word(:killed), do: "killed"
  defp word(_), do: "error"
end

defmodule Child do
  def start(trace, name, options), do: start(trace, name, options, nil)

  # Extra arguments come first.
  def start(extra, trace, name, options) when is_binary(extra),
    do: start(trace, name, options, extra)

  def start(trace, name, options, extra) do
    with_extra = if extra, do: " with #{extra}", else: ""

    case Trace.outcome(trace, name, String.split(options["start"] || "ok", ",")) do
      "ok" ->
        Trace.log(trace, "start #{name}#{with_extra}")
        :proc_lib.start_link(__MODULE__, :init, [trace, name, options["ends"] || "told"])

      "error" ->
        Trace.log(trace, "fail #{name}")
        {:error, :told_to_fail}

      "exception" ->
        Trace.log(trace, "fail #{name}")
        raise "told to raise"

      "ignore" ->
        Trace.log(trace, "ignore #{name}")
        :ignore
    end
  end

  def init(trace, name, ends) do
    if ends != "told", do: Process.flag(:trap_exit, true)
    [parent | _] = Process.get(:"$ancestors")
    Trace.watch(trace, name, self())
    :proc_lib.init_ack({:ok, self()})
    loop(parent, ends)
  end

  defp loop(parent, ends) do
    receive do
      {:crash, "normal"} -> exit(:normal)
      {:crash, "shutdown"} -> exit(:shutdown)
      {:crash, "shutdown_term"} -> exit({:shutdown, :term})
      {:crash, "error"} -> exit(:told_to_crash)
      {:crash, "exception"} -> raise "told to raise"
      {:EXIT, ^parent, :shutdown} -> told_to_end(parent, ends)
      # The parent is gone.
      {:EXIT, ^parent, reason} -> exit(reason)
    end
  end

  defp told_to_end(parent, "never"), do: loop(parent, "never")
  defp told_to_end(_, "normal"), do: exit(:normal)
  defp told_to_end(_, "error"), do: exit(:told_to_crash)

  defp told_to_end(_, "slow:" <> ms) do
    Process.sleep(String.to_integer(ms))
    exit(:shutdown)
  end
end

defmodule Tree do
  def start(_extra, trace, name, nodes), do: start(trace, name, nodes)

  def start(trace, name, nodes) do
    options = nodes[name].options
    {max, seconds} = intensity(options)

    result =
      if options["strategy"] == "simple_one_for_one" do
        limits =
          if options["max_children"],
            do: [max_children: String.to_integer(options["max_children"])],
            else: []

        extra = if options["extra"], do: [extra_arguments: [options["extra"]]], else: []

        DynamicSupervisor.start_link(
          [strategy: :one_for_one, max_restarts: max, max_seconds: seconds] ++ limits ++ extra
        )
      else
        flags = %{
          strategy: String.to_atom(options["strategy"] || "one_for_one"),
          intensity: max,
          period: seconds,
          auto_shutdown: String.to_atom(options["auto"] || "never")
        }

        specs =
          for {child, %{in: ^name}} <- Enum.sort_by(nodes, fn {_, node} -> node.line end),
              do: spec(trace, child, nodes)

        :supervisor.start_link(__MODULE__, {flags, specs})
      end

    with {:ok, pid} <- result do
      Trace.watch(trace, name, pid)
      result
    end
  end

  def init(given), do: {:ok, given}

  def spec(trace, name, nodes) do
    node = nodes[name]
    options = node.options

    base =
      if node.kind == "sup",
        do: %{id: name, start: {Tree, :start, [trace, name, nodes]}, type: :supervisor},
        else: %{id: name, start: {Child, :start, [trace, name, options]}}

    base
    |> put(:restart, options["restart"], &String.to_atom/1)
    |> put(:significant, options["significant"], &(&1 == "yes"))
    |> put(:shutdown, options["shutdown"], fn
      "brutal_kill" -> :brutal_kill
      "infinity" -> :infinity
      ms -> String.to_integer(ms)
    end)
  end

  defp put(spec, _, nil, _), do: spec
  defp put(spec, key, text, read), do: Map.put(spec, key, read.(text))

  defp intensity(options) do
    [max, seconds] = String.split(options["max"] || "3/5", "/")
    {String.to_integer(max), String.to_integer(seconds)}
  end
end

defmodule Scenario do
  def run({title, lines}) do
    IO.puts("== #{title}")
    me = self()

    {pid, ref} =
      spawn_monitor(fn ->
        Process.flag(:trap_exit, true)
        trace = Trace.new()
        nodes = for {:node, name, node} <- lines, into: %{}, do: {name, node}
        steps = for {:step, text, words} <- lines, do: {text, words}
        [{root, _}] = Enum.filter(nodes, fn {_, node} -> node.in == nil end)
        unordered = Enum.any?(lines, &match?(:unordered, &1))
        loops = Enum.any?(lines, &match?(:loops, &1))

        context = %{
          trace: trace,
          nodes: nodes,
          root: root,
          unordered: unordered,
          loops: loops,
          runner: me
        }

        Enum.reduce(steps ++ [{"end", ["end"]}], context, &step/2)
      end)

    receive do
      {:DOWN, ^ref, :process, ^pid, :normal} -> :ok
      {:DOWN, ^ref, :process, ^pid, reason} -> raise "#{title}: #{inspect(reason)}"
    end
  end

  defp step({text, words}, context) do
    {answer, context} = act(words, context)
    settle(context)
    IO.puts("> #{text}")
    lines = sorted(Trace.take(context.trace), context.unordered)
    for line <- without_loops(lines, context.loops), do: IO.puts(line)
    if answer, do: IO.puts("= #{answer}")
    context
  end

  # Who ends first is nobody's decision where all are told at once.
  defp sorted(lines, false), do: lines

  defp sorted(lines, true) do
    lines
    |> Enum.chunk_by(&String.starts_with?(&1, "down "))
    |> Enum.flat_map(fn
      ["down " <> _ | _] = chunk -> Enum.sort(chunk)
      chunk -> chunk
    end)
  end

  # How often a restart fails before the next step is a matter of chance.
  defp without_loops(lines, true), do: Enum.reject(lines, &String.starts_with?(&1, "fail "))
  defp without_loops(lines, false), do: lines

  # Until every supervisor has handled all that happened to it.
  defp settle(context, before \\ -1, quiet \\ 0)

  # But a restart that fails for ever comes to no end.
  defp settle(%{loops: true} = context, _, _) do
    for _ <- 1..20,
        {name, %{kind: "sup"}} <- context.nodes,
        pid = Trace.pid(context.trace, name),
        do: children(pid)

    :ok
  end

  defp settle(context, before, quiet) do
    busy =
      for {name, %{kind: "sup"}} <- context.nodes,
          pid = Trace.pid(context.trace, name),
          reduce: false do
        busy -> busy or Enum.any?(children(pid), fn {_, child, _, _} -> child == :restarting end)
      end

    count = Trace.count(context.trace)

    cond do
      busy or count != before -> settle(context, count, 0)
      quiet < 2 -> settle(context, count, quiet + 1)
      true -> :ok
    end
  end

  defp children(pid) do
    :gen_server.call(pid, :which_children, :infinity)
  catch
    :exit, _ -> []
  end

  defp act(["begin"], context) do
    case Tree.start(context.trace, context.root, context.nodes) do
      {:ok, _} -> {"ok", context}
      {:error, _} -> {"error", context}
    end
  end

  defp act(["end"], context) do
    act(["exit", context.root], context)
  end

  defp act(["exit", name], context) do
    end_with(context, name, fn pid -> Process.exit(pid, :shutdown) end)
  end

  defp act(["crash", name, "kill"], context) do
    end_with(context, name, fn pid -> Process.exit(pid, :kill) end)
  end

  defp act(["crash", name, how], context) do
    end_with(context, name, fn pid -> send(pid, {:crash, how}) end)
  end

  defp act(["wait", ms], context) do
    Process.sleep(String.to_integer(ms))
    {nil, context}
  end

  defp act(["start", sup, name | options], context) do
    node = %{kind: "child", in: sup, options: Reader.options(options), line: 0}
    # A child that is there keeps what it was told.
    known = context.nodes[name]
    nodes = Map.put(context.nodes, name, node)

    answer =
      with_sup(context, sup, fn pid, dynamic ->
        spec = Tree.spec(context.trace, name, nodes)

        if dynamic,
          do: DynamicSupervisor.start_child(pid, spec),
          else: :supervisor.start_child(pid, spec)
      end)

    {answer, if(known, do: context, else: %{context | nodes: nodes})}
  end

  defp act(["terminate", sup, name], context) do
    answer =
      with_sup(context, sup, fn pid, dynamic ->
        if dynamic,
          do: DynamicSupervisor.terminate_child(pid, Trace.last_pid(context.trace, name) || self()),
          else: :supervisor.terminate_child(pid, name)
      end)

    {answer, context}
  end

  defp act(["restart", sup, name], context) do
    {with_sup(context, sup, fn pid, _ -> :supervisor.restart_child(pid, name) end), context}
  end

  defp act(["delete", sup, name], context) do
    {with_sup(context, sup, fn pid, _ -> :supervisor.delete_child(pid, name) end), context}
  end

  defp act(["spec", sup, name], context) do
    answer =
      with_sup(context, sup, fn pid, _ ->
        with {:ok, spec} <- :supervisor.get_childspec(pid, name) do
          "#{spec.restart} #{spec.shutdown} #{spec.type} #{spec[:significant] || false}"
        end
      end)

    {answer, context}
  end

  defp act(["which", sup], context) do
    answer =
      with_sup(context, sup, fn pid, dynamic ->
        all = children(pid)

        if dynamic do
          Enum.map_join(all, " ", fn {_, _, type, _} -> "#{type}" end)
        else
          # OTP has the last one first.
          all
          |> Enum.reverse()
          |> Enum.map_join(" ", fn {id, child, type, _} ->
            "#{id}:#{if is_pid(child), do: "running", else: child}:#{type}"
          end)
        end
      end)

    {answer, context}
  end

  defp act(["count", sup], context) do
    answer =
      with_sup(context, sup, fn pid, _ ->
        c = :gen_server.call(pid, :count_children, :infinity)

        "specs=#{c[:specs]} active=#{c[:active]} supervisors=#{c[:supervisors]} " <>
          "workers=#{c[:workers]}"
      end)

    {answer, context}
  end

  # Waits for the end that it caused.
  defp end_with(context, name, how) do
    case Trace.pid(context.trace, name) do
      nil ->
        {"gone", context}

      pid ->
        ref = Process.monitor(pid)
        how.(pid)

        receive do
          {:DOWN, ^ref, :process, ^pid, _} -> {nil, context}
        after
          20_000 -> raise "#{name} does not end"
        end
    end
  end

  defp with_sup(context, name, ask) do
    case Trace.pid(context.trace, name) do
      nil ->
        "gone"

      pid ->
        dynamic = context.nodes[name].options["strategy"] == "simple_one_for_one"
        word(ask.(pid, dynamic))
    end
  end

  # An empty list of children.
  defp word(""), do: "nobody"
  defp word(text) when is_binary(text), do: text
  defp word(:ok), do: "ok"
  defp word(:ignore), do: "ok undefined"
  defp word({:ok, :undefined}), do: "ok undefined"
  defp word({:ok, _}), do: "ok"
  defp word({:error, {:already_started, _}}), do: "already_started"
  defp word({:error, {:bad_combination, _}}), do: "bad_combination"

  defp word({:error, reason})
       when reason in [
              :already_present,
              :not_found,
              :running,
              :restarting,
              :simple_one_for_one,
              :max_children
            ],
       do: "#{reason}"

  defp word({:error, _}), do: "error"
end

defmodule Reader do
  def options(words) do
    for word <- words, into: %{} do
      case String.split(word, "=", parts: 2) do
        [key, value] -> {key, value}
        [key] -> {key, "yes"}
      end
    end
  end

  def read(path) do
    File.stream!(path)
    |> Stream.map(&String.trim/1)
    |> Stream.reject(&(&1 == "" or String.starts_with?(&1, "#")))
    |> Enum.with_index()
    |> Enum.reduce([], fn {text, at}, all ->
      case {String.split(text), all} do
        {["scenario" | _], all} ->
          [{String.replace_prefix(text, "scenario ", ""), []} | all]

        {words, [{title, lines} | rest]} ->
          [{title, [line(words, text, at) | lines]} | rest]
      end
    end)
    |> Enum.map(fn {title, lines} -> {title, Enum.reverse(lines)} end)
    |> Enum.reverse()
  end

  defp line(["unordered"], _, _), do: :unordered
  defp line(["loops"], _, _), do: :loops

  defp line([kind, name, "in", sup | rest], _, at) when kind in ["sup", "child"],
    do: {:node, name, %{kind: kind, in: sup, options: options(rest), line: at}}

  defp line(["sup", name | rest], _, at),
    do: {:node, name, %{kind: "sup", in: nil, options: options(rest), line: at}}

  defp line(words, text, _), do: {:step, text, words}
end

# Reports of crashes are expected here.
:logger.set_primary_config(:level, :none)

for path <- System.argv(), scenario <- Reader.read(path), do: Scenario.run(scenario)
