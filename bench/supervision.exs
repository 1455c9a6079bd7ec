# What bench/supervision_bench.cpp does, with Elixir's DynamicSupervisor and Registry. Prints
# for each count: microseconds a start, bytes a child, milliseconds until all that were
# killed are back under their names, milliseconds until all are stopped.
defmodule Worker do
  use GenServer
  def start_link(name), do: GenServer.start_link(__MODULE__, nil, name: via(name))
  def via(name), do: {:via, Registry, {Names, name}}
  def init(nil), do: {:ok, nil}
  def handle_call(x, _, state), do: {:reply, x, state}
end

defmodule Bench do
  def run(count) do
    {:ok, sup} =
      DynamicSupervisor.start_link(
        strategy: :one_for_one,
        max_restarts: 10_000_000,
        max_seconds: 60
      )

    names = for i <- 1..count, do: "worker_#{i}"
    :erlang.garbage_collect()
    before = :erlang.memory(:total)

    {start_us, pids} =
      :timer.tc(fn ->
        for name <- names do
          {:ok, pid} = DynamicSupervisor.start_child(sup, {Worker, name})
          pid
        end
      end)

    bytes = :erlang.memory(:total) - before

    {back_us, :ok} =
      :timer.tc(fn ->
        for pid <- pids, do: Process.exit(pid, :kill)
        for {name, pid} <- Enum.zip(names, pids), do: wait_for(name, pid)
        :ok
      end)

    {stop_us, :ok} = :timer.tc(fn -> DynamicSupervisor.stop(sup) end)
    {start_us / count, bytes / count, back_us / 1000, stop_us / 1000}
  end

  defp wait_for(name, old) do
    case Registry.lookup(Names, name) do
      [{pid, _}] when pid != old -> :ok
      _ ->
        Process.sleep(0)
        wait_for(name, old)
    end
  end
end

# Reports of killed children are expected here.
:logger.set_primary_config(:level, :none)
{:ok, _} = Registry.start_link(keys: :unique, name: Names)

# Not 100,000: each restart looks through the list of all before it.
for count <- [1_000, 10_000] do
  runs = for _ <- 1..3, do: Bench.run(count)
  best = for i <- 0..3, do: runs |> Enum.map(&elem(&1, i)) |> Enum.min()
  # Memory is the first run's: the later ones find what it left.
  bytes = runs |> hd() |> elem(1)
  [start, _, back, stop] = best
  IO.puts(Enum.join([count, start, bytes, back, stop], " "))
end
